import { describe, expect, it } from "vitest";
import { runsOn } from "./snippet";

describe("the runs-on snippet", () => {
  it("names every label once", () => {
    expect(runsOn(["linux", "Self-Hosted", "gpu"])).toContain("runs-on: [self-hosted, linux, gpu]");
  });

  it("quotes what YAML would misread", () => {
    expect(runsOn(["a b", "no", "22.04", 'x"y'])).toContain('[self-hosted, "a b", "no", "22.04", "x\\"y"]');
  });
});
