import { LockKeyhole } from "lucide-react";
import { Empty } from "@/components/ui/empty";
import { texts } from "@/lib/texts/common";

/** In place of what the user may not use: why. */
export function Forbidden({ reason }: { reason: string }) {
  return <Empty icon={<LockKeyhole />} title={texts.permission.title} description={reason} />;
}
