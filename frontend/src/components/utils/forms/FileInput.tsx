import { Upload } from "lucide-react";
import { buttonVariants } from "@/components/ui/button";
import { texts } from "@/lib/texts/forms";
import { cn } from "@/lib/utils";

/** More than any certificate or key needs. */
const LARGEST_BYTES = 256 * 1024;

type FileInputProps = {
  label: string;
  accept?: string;
  onText: (text: string) => void;
  onFailure: (message: string) => void;
};

/** Takes a text from a file, beside a field it could be pasted into. */
export function FileInput({ label, accept = ".pem,.crt,.cer,.key", onText, onFailure }: FileInputProps) {
  async function read(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    if (!file) return;
    if (file.size > LARGEST_BYTES) onFailure(texts.file.tooLarge);
    else await file.text().then(onText, () => onFailure(texts.file.unreadable));
    // The same file can be taken again, such as after it was corrected.
    input.value = "";
  }
  return (
    <span
      className={cn(
        buttonVariants({ variant: "outline", size: "sm" }),
        "relative w-fit overflow-hidden focus-within:outline-2 focus-within:outline-offset-2 focus-within:outline-ring",
      )}
    >
      <Upload aria-hidden="true" />
      <span aria-hidden="true">{texts.file.choose}</span>
      <input
        type="file"
        aria-label={label}
        accept={accept}
        onChange={(event) => void read(event.currentTarget)}
        // The browser's own words for it are in the browser's own language.
        className="absolute inset-0 cursor-pointer opacity-0 file:cursor-pointer"
      />
    </span>
  );
}
