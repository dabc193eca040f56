/** What is wrong with a field that has no frame of its own, such as a group of choices. */
export function FieldError({ message }: { message: string | undefined }) {
  if (!message) return null;
  return (
    <p role="alert" className="pt-1 text-xs text-destructive">
      {message}
    </p>
  );
}
