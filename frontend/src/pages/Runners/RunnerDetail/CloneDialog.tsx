import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { useNavigate } from "react-router";
import { z } from "zod";
import { Dialog, DialogContent, DialogDescription, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { FormFrame } from "@/components/utils/FormFrame";
import { useOrg } from "@/context/OrgContext";
import { useServerErrors } from "@/hooks/useServerErrors";
import type { RunnerView } from "@/lib/api/generated/types.gen";
import { routes } from "@/lib/routes";
import { texts as all } from "@/lib/texts/fleet";
import { texts as forms } from "@/lib/texts/forms";
import { useRunnerActions } from "./service";

const t = all.runners;
const schema = z.object({ name: z.string().trim().min(1, forms.required) });

type CloneDialogProps = { runner: RunnerView; open: boolean; onClose: () => void };

export function CloneDialog({ runner, open, onClose }: CloneDialogProps) {
  return (
    <Dialog open={open} onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}>
      <DialogContent>
        <DialogHeader>
          <DialogTitle>{t.cloneTitle(runner.name)}</DialogTitle>
          <DialogDescription>{t.cloneHint}</DialogDescription>
        </DialogHeader>
        <CloneForm runner={runner} onClose={onClose} />
      </DialogContent>
    </Dialog>
  );
}

function CloneForm({ runner, onClose }: { runner: RunnerView; onClose: () => void }) {
  const org = useOrg();
  const navigate = useNavigate();
  const { clone } = useRunnerActions();
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: { name: `${runner.name.slice(0, 59)}-copy` },
  });
  const server = useServerErrors(form);
  const { errors, isSubmitting } = form.formState;
  const send = form.handleSubmit(async (body) => {
    server.reset();
    const path = { org_id: org.orgId, runner_id: runner.uid };
    await clone.mutateAsync({ path, body }).then((copy) => {
      onClose();
      return navigate(routes.runner(org.orgId, copy.uid));
    }, server.report);
  }, server.refused);
  return (
    <FormFrame onSubmit={send} error={server.formError} busy={isSubmitting} submit={t.clone} onCancel={onClose}>
      <Field label={forms.name.label} hint={forms.name.hint} error={errors.name?.message}>
        <Input autoComplete="off" spellCheck={false} {...form.register("name")} />
      </Field>
    </FormFrame>
  );
}
