// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { LogLine } from "./LogLine";

describe("a log line", () => {
  it("shows markup as text and makes no element of it", () => {
    const { container } = render(
      <LogLine line={"<img src=x onerror=alert(1)><script>alert(2)</script>"} needle="" wrap={false} />,
    );
    expect(container.querySelector("img,script,a")).toBeNull();
    expect(container).toHaveTextContent("<script>alert(2)</script>");
  });

  it("marks what is searched for, in any case", () => {
    render(<LogLine line={"Error: an error"} needle="error" wrap={false} />);
    expect(screen.getAllByText(/error/i, { selector: "mark" })).toHaveLength(2);
  });

  it("cuts a line of a million characters", () => {
    const { container } = render(<LogLine line={"x".repeat(1_000_000)} needle="" wrap />);
    expect(container.textContent?.length).toBeLessThan(11_000);
    expect(container).toHaveTextContent("990,000 more characters");
  });
});
