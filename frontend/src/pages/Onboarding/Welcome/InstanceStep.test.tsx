// @vitest-environment jsdom
import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { InstanceView } from "@/lib/api/generated/types.gen";
import { listOf, renderPart } from "@/testing/render";
import { InstanceStep } from "./InstanceStep";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

type Shown = Pick<InstanceView, "state" | "status"> & Partial<InstanceView>;

/** An instance that is as each of these in turn, whenever it is asked for; `null` is gone. */
function show(instanceId: string | null, states: (Shown | null)[], options: { ephemeral?: boolean } = {}) {
  const did: string[] = [];
  let looks = 0;
  const runner = "*/org/o1/runners/r1";
  server.use(
    http.get("*/org/o1/nodes", () => HttpResponse.json(listOf([]))),
    http.get("*/org/o1/credentials", () => HttpResponse.json(listOf([]))),
    http.get(runner, () =>
      HttpResponse.json({ uid: "r1", name: "builder", labels: ["linux"], ephemeral: options.ephemeral ?? false }),
    ),
    http.post(`${runner}/instance`, () => {
      did.push("create");
      return HttpResponse.json({ uid: "i9" }, { status: 201 });
    }),
    http.get(`${runner}/instance/i9`, () => {
      const now = states[Math.min(looks, states.length - 1)];
      looks += 1;
      if (!now) return HttpResponse.json({ status: 404, detail: "gone" }, { status: 404 });
      return HttpResponse.json({ uid: "i9", name: "builder-1", desired_state: "running", ...now });
    }),
    http.get(`${runner}/instance/i9/events`, () => HttpResponse.json(listOf([]))),
    http.post(`${runner}/instance/i9/start`, () => {
      did.push("start");
      return HttpResponse.json({}, { status: 202 });
    }),
    http.post(`${runner}/sample-job`, () => {
      did.push("job");
      return HttpResponse.json({ job_id: 1 }, { status: 201 });
    }),
  );
  const go = vi.fn();
  const onLive = vi.fn();
  renderPart(<InstanceStep orgId="o1" runnerId="r1" instanceId={instanceId} isSandbox go={go} onLive={onLive} />);
  return { go, onLive, did };
}

describe("the first instance", () => {
  it("is waited for, and what could not be had can be asked for again", async () => {
    show("i9", [{ state: "running", status: "idle" }]);
    const no = (path: string) => {
      const isHere = { yes: false };
      server.use(
        http.get(`*/org/o1/runners/r1${path}`, () =>
          isHere.yes ? undefined : HttpResponse.json({ status: 403, detail: `No ${path}.` }, { status: 403 }),
        ),
      );
      return () => {
        isHere.yes = true;
      };
    };
    const letRunner = no("");
    const letEvents = no("/instance/i9/events");
    expect(document.querySelectorAll('[data-slot="skeleton"]').length).toBeGreaterThan(0);
    expect(await screen.findByText("Your runner is live.")).toBeInTheDocument();
    expect(document.querySelectorAll('[data-slot="skeleton"]')).toHaveLength(0);
    expect(screen.queryByLabelText("runs-on snippet")).toBeNull();
    const [ofRunner] = await screen.findAllByText("No .");
    expect(screen.getByText("No /instance/i9/events.")).toBeInTheDocument();
    letRunner();
    letEvents();
    const again = within(ofRunner?.closest("[data-slot=alert]") as HTMLElement);
    await userEvent.click(again.getByRole("button", { name: "Try again" }));
    expect(await screen.findByLabelText("runs-on snippet")).toBeInTheDocument();
    await expect.poll(() => screen.queryByText("No /instance/i9/events.")).toBeNull();
  });

  it("is started by whoever asks for it", async () => {
    const { go, did } = show(null, []);
    await userEvent.click(screen.getByRole("button", { name: "Start the instance" }));
    await expect.poll(() => go.mock.calls).toEqual([[{ instance: "i9" }]]);
    expect(did).toEqual(["create"]);
  });

  it("says why it failed, and is tried again", async () => {
    const reason = "the image could not be pulled: no space left on device";
    const { did } = show("i9", [{ state: "failed", status: "offline", state_reason: reason }]);
    expect(await screen.findByText(reason)).toBeInTheDocument();
    expect(screen.getByText("It did not work.")).toBeInTheDocument();
    expect(screen.queryByLabelText("runs-on snippet")).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    await expect.poll(() => did).toEqual(["start"]);
  });

  it("is seen coming alive, taking its first job and being done with it", async () => {
    const { did, onLive } = show("i9", [
      { state: "creating", status: "offline" },
      { state: "running", status: "idle" },
      { state: "running", status: "idle" },
      { state: "running", status: "busy" },
      { state: "running", status: "idle" },
    ]);
    expect(await screen.findByText("The instance is being made ready …")).toBeInTheDocument();
    expect(screen.getByRole("heading", { name: "Start the first instance" })).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Run a sample job" })).toBeNull();
    expect(onLive).not.toHaveBeenCalled();
    await userEvent.click(await screen.findByRole("button", { name: "Run a sample job" }));
    expect(screen.getByRole("heading", { name: "Runner Pilot is set up" })).toBeInTheDocument();
    expect(onLive).toHaveBeenCalledTimes(1);
    expect(screen.getByLabelText("runs-on snippet")).toHaveTextContent("runs-on: [self-hosted, linux]");
    expect(await screen.findByText("The runner has taken the job.")).toBeInTheDocument();
    expect(await screen.findByText("The job is done.")).toBeInTheDocument();
    expect(did).toEqual(["job"]);
  });

  it("of one job that has gone was a success, and another can follow", async () => {
    const { go } = show("i9", [{ state: "running", status: "busy" }, null], { ephemeral: true });
    expect(await screen.findByText("The job is done.")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Start another" }));
    expect(go).toHaveBeenCalledWith({ instance: null });
  });
});
