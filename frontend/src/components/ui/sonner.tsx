import { Toaster as Sonner, type ToasterProps } from "sonner";

export function Toaster(props: ToasterProps) {
  return (
    <Sonner
      // Not at the right, where lists have their pager and panels their buttons.
      position="bottom-center"
      closeButton
      toastOptions={{
        classNames: {
          success: "[&_[data-icon]]:text-ok",
          warning: "border-warn/50! [&_[data-icon]]:text-warn",
          error: "border-destructive/50! bg-destructive-soft! [&_[data-icon]]:text-destructive",
        },
      }}
      style={
        {
          "--normal-bg": "var(--surface-raised)",
          "--normal-text": "var(--foreground)",
          "--normal-border": "var(--border)",
        } as React.CSSProperties
      }
      {...props}
    />
  );
}
