import { texts } from "@/lib/texts/forms";

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
    <input
      type="file"
      aria-label={label}
      accept={accept}
      onChange={(event) => void read(event.currentTarget)}
      className="max-w-full text-xs text-muted-foreground file:mr-2 file:h-7 file:rounded-md file:border file:border-input file:bg-surface file:px-2.5 file:text-xs file:text-foreground hover:file:bg-accent"
    />
  );
}
