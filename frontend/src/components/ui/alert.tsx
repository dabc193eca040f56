import { cva } from "class-variance-authority";
import { CircleCheck, Info, OctagonX, TriangleAlert } from "lucide-react";
import type * as React from "react";
import { cn } from "@/lib/utils";

const alertVariants = cva("flex items-start gap-2.5 rounded-md border px-3 py-2.5 text-[0.8125rem]", {
  variants: {
    tone: {
      info: "border-primary/25 bg-primary-soft/60 [&>svg]:text-primary",
      ok: "border-ok/25 bg-ok-soft [&>svg]:text-ok",
      warn: "border-warn/30 bg-warn-soft [&>svg]:text-warn",
      bad: "border-destructive/30 bg-destructive-soft [&>svg]:text-destructive",
    },
  },
});

const icons = { info: Info, ok: CircleCheck, warn: TriangleAlert, bad: OctagonX };

type AlertProps = Omit<React.ComponentProps<"div">, "title"> & {
  tone?: keyof typeof icons;
  title?: React.ReactNode;
  actions?: React.ReactNode;
};

export function Alert({ className, tone = "info", title, actions, children, ...props }: AlertProps) {
  const Icon = icons[tone];
  return (
    <div
      data-slot="alert"
      role={tone === "bad" ? "alert" : "status"}
      className={cn(alertVariants({ tone }), className)}
      {...props}
    >
      <Icon aria-hidden="true" className="mt-0.5 size-4 shrink-0" />
      <div className="grid min-w-0 flex-1 gap-0.5 break-words">
        {title ? <p className="font-medium">{title}</p> : null}
        {children}
      </div>
      {actions}
    </div>
  );
}
