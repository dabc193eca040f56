import { cn } from "@/lib/utils";

/** Up to two initials, by Unicode code point, so that no letter is cut in half. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked
    .map((word) => [...(word ?? "")][0] ?? "")
    .join("")
    .toUpperCase();
}

export function Avatar({ name, square = false, className }: { name: string; square?: boolean; className?: string }) {
  return (
    <span
      data-slot="avatar"
      aria-hidden="true"
      className={cn(
        "grid size-7 shrink-0 place-items-center bg-primary-soft text-2xs font-semibold text-primary select-none",
        square ? "rounded-md" : "rounded-full",
        className,
      )}
    >
      {initials(name)}
    </span>
  );
}
