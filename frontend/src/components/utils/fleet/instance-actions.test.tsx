// @vitest-environment jsdom
import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { Toaster } from "sonner";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { BulkActions } from "@/components/utils/bulk/BulkActions";
import { ConfirmDialog, useConfirmation } from "@/components/utils/ConfirmDialog";
import type { CurrentOrg } from "@/context/OrgContext";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { orgOf, renderPart } from "@/testing/render";
import { INSTANCE_ACTIONS, useInstanceActions } from "./instance-actions";

const server = setupServer();
beforeAll(() => {
  server.listen({ onUnhandledRequest: "error" });
  const no = () => undefined;
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: no, removeEventListener: no }));
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function instanceOf(uid: string, state: InstanceView["state"]): InstanceView {
  const desired_state = state === "stopped" ? "stopped" : "running";
  return { uid, name: `builder-${uid}`, org_id: "o1", runner_id: "r1", state, desired_state } as InstanceView;
}

/** What can be done with one instance, a button for each, and with several. */
function Actions({ one, many }: { one: InstanceView; many: InstanceView[] }) {
  const { confirmation, ask, close } = useConfirmation();
  const actions = useInstanceActions(ask);
  return (
    <>
      <section aria-label="One">
        {INSTANCE_ACTIONS.map((action) => (
          <button key={action} type="button" onClick={() => actions.start(action, one)}>
            {action}: {actions.reason(action, one) ?? "may be done"}
          </button>
        ))}
      </section>
      <section aria-label="Many">
        <BulkActions
          actions={actions.many}
          rows={many}
          rowKey={(row) => row.uid}
          rowLabel={(row) => row.name}
          onDone={() => undefined}
        />
      </section>
      <ConfirmDialog confirmation={confirmation} onClose={close} />
      <Toaster />
    </>
  );
}

function show(one: InstanceView, many: InstanceView[] = [], org: CurrentOrg = orgOf("admin")) {
  const did: string[] = [];
  const path = "*/org/o1/runners/r1/instance/:id";
  const note = (what: string) => (info: { params: Record<string, unknown> }) => {
    did.push(`${what} ${info.params.id}`);
    return HttpResponse.json({}, { status: 202 });
  };
  server.use(
    http.post(`${path}/start`, note("start")),
    http.post(`${path}/stop`, note("stop")),
    http.post(`${path}/restart`, note("restart")),
    http.delete(path, note("remove")),
  );
  renderPart(<Actions one={one} many={many} />, { org });
  return did;
}

const press = (name: RegExp | string) => userEvent.click(screen.getByRole("button", { name }));

describe("what is done with an instance", () => {
  it("starts at once, and says why where it did not", async () => {
    const did = show(instanceOf("1", "stopped"));
    await press(/^start/);
    expect(await screen.findByText("The instance is starting.")).toBeInTheDocument();
    expect(did).toEqual(["start 1"]);
    server.use(
      http.post("*/instance/1/start", () =>
        HttpResponse.json({ status: 409, detail: "No node has room." }, { status: 409 }),
      ),
    );
    await press(/^start/);
    expect(await screen.findByText("No node has room.")).toBeInTheDocument();
  });

  it.each(["stop", "restart"] as const)("asks before a %s", async (action) => {
    const did = show(instanceOf("1", "running"));
    await press(new RegExp(`^${action}:`));
    const dialog = within(screen.getByRole("alertdialog"));
    expect(did).toEqual([]);
    await userEvent.click(dialog.getByRole("button", { name: action === "stop" ? "Stop" : "Restart" }));
    await expect.poll(() => did).toEqual([`${action} 1`]);
    await expect.poll(() => screen.queryByRole("alertdialog")).toBeNull();
  });

  it("removes only what was named", async () => {
    const did = show(instanceOf("1", "running"));
    await press(/^remove/);
    const dialog = within(screen.getByRole("alertdialog"));
    const remove = dialog.getByRole("button", { name: "Remove" });
    await userEvent.type(dialog.getByRole("textbox"), "builder-2");
    expect(remove).toBeDisabled();
    await userEvent.clear(dialog.getByRole("textbox"));
    await userEvent.type(dialog.getByRole("textbox"), "builder-1");
    await userEvent.click(remove);
    await expect.poll(() => did).toEqual(["remove 1"]);
  });

  it("says why something can't be done, and what the user may not do before that", () => {
    show(instanceOf("1", "stopped"), [], orgOf("member", { delete_instance: true }));
    const buttons = within(screen.getByRole("region", { name: "One" })).getAllByRole("button");
    expect(buttons.map((button) => button.textContent)).toEqual([
      expect.stringContaining("start: You need the permission “update_instance”."),
      expect.stringContaining("stop: You need the permission “update_instance”."),
      expect.stringContaining("restart: You need the permission “update_instance”."),
      "remove: may be done",
    ]);
  });

  it("is done to each of several that it fits", async () => {
    const many = [instanceOf("1", "running"), instanceOf("2", "stopped"), instanceOf("3", "running")];
    const did = show(instanceOf("9", "running"), many);
    const bulk = within(screen.getByRole("region", { name: "Many" }));
    await userEvent.click(bulk.getByRole("button", { name: "Stop" }));
    const dialog = within(screen.getByRole("alertdialog", { name: "Stop 2 instances?" }));
    expect(dialog.getByText("builder-2: It has stopped already.")).toBeInTheDocument();
    await userEvent.click(dialog.getByRole("button", { name: "Stop" }));
    expect(await dialog.findByText("2 of 2 done.")).toBeInTheDocument();
    expect(did.sort()).toEqual(["stop 1", "stop 3"]);
  });
});
