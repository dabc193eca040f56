import { describe, expect, it } from "vitest";
import { isTransient, sentence, toProblem, unexplained } from "./problem";

describe("toProblem", () => {
  it("keeps every invalid field of a problem, as a sentence", () => {
    const problem = toProblem({
      type: "about:blank",
      title: "Unprocessable Entity",
      status: 422,
      detail: "2 fields are invalid; see errors.",
      code: "invalid",
      errors: [
        { field: "name", message: "is already taken", code: "taken" },
        { field: "resources.cpus", message: "must be from 0.1 to 256" },
      ],
      request_id: "r-1",
    });
    expect(problem.errors.map((e) => [e.field, e.message])).toEqual([
      ["name", "Is already taken."],
      ["resources.cpus", "Must be from 0.1 to 256."],
    ]);
    expect(problem.request_id).toBe("r-1");
  });

  it("says that there was no answer when fetch fails", () => {
    const problem = toProblem(new TypeError("Failed to fetch"));
    expect(problem.status).toBe(0);
    expect(isTransient(problem)).toBe(true);
  });

  it("survives what is no problem at all", () => {
    for (const odd of [undefined, null, "text", 5, { status: 500 }, { status: 422, errors: [null, 3, {}] }]) {
      expect(toProblem(odd).detail).not.toBe("");
    }
  });

  it("never shows a body that is no problem, and says what its status means", () => {
    expect(toProblem("<html>502 Bad Gateway</html>").detail).not.toContain("<");
    for (const status of [502, 503, 504, 500, 418]) {
      const problem = toProblem(unexplained(status));
      expect(problem.status).toBe(status);
      expect(problem.detail).toContain(`HTTP ${status}`);
    }
  });

  it("does not call a refusal transient", () => {
    expect(isTransient(toProblem({ status: 403 }))).toBe(false);
  });
});

describe("sentence", () => {
  it("starts with a capital and ends with a stop", () => {
    expect(sentence("must be set")).toBe("Must be set.");
    expect(sentence("Really?")).toBe("Really?");
    expect(sentence("unix:///run/docker.sock answers")).toBe("unix:///run/docker.sock answers.");
    expect(sentence("")).toBe(".");
  });
});
