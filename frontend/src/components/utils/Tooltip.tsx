import * as React from "react";
import { Tooltip as EagerTooltip } from "@/components/ui/tooltip";
import { StandIn, useWanted } from "@/components/utils/StandIn";

type Watched = Pick<React.DOMAttributes<HTMLElement>, "onPointerEnter" | "onFocus">;

type TooltipProps = {
  /** What the tooltip says; nothing is shown when it is empty. */
  content: React.ReactNode;
  children: React.ReactElement<Watched>;
};

/** A tooltip on hover and focus that costs nothing before. */
export function Tooltip({ content, children }: TooltipProps) {
  const { wanted, watch } = useWanted();
  return (
    <>
      {React.cloneElement(children, watch)}
      {wanted && content ? (
        <EagerTooltip content={content}>
          <StandIn of={wanted} />
        </EagerTooltip>
      ) : null}
    </>
  );
}
