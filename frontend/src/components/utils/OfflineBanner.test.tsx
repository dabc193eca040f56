// @vitest-environment jsdom
import { act, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { serverAnswered, serverWasSilent, streamIs } from "@/lib/connection";
import { renderPart } from "@/testing/render";
import { OfflineBanner } from "./OfflineBanner";

afterEach(() => {
  serverAnswered(Date.now());
  streamIs("connecting");
});

it("says that statuses are old while the server has no source of them, and all else that everything is", () => {
  streamIs("live");
  renderPart(<OfflineBanner />);
  const banner = screen.getByRole("status");
  expect(banner).toBeEmptyDOMElement();
  act(() => streamIs("stalled"));
  expect(banner).toHaveTextContent("what runners do is shown as it was last known");
  act(() => serverWasSilent());
  expect(banner).toHaveTextContent("The server does not answer. What you see may be old.");
  act(() => serverAnswered(Date.now() + 5_000));
  expect(banner).toHaveTextContent("as it was last known");
  act(() => streamIs("live"));
  expect(banner).toBeEmptyDOMElement();
});
