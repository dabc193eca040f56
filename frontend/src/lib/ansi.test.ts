import { describe, expect, it } from "vitest";
import { parseAnsi, plainText } from "./ansi";

const ESC = "\u001b";

describe("ANSI in logs", () => {
  it("keeps colours and weights as data", () => {
    const spans = parseAnsi(`${ESC}[1;31merror${ESC}[0m: it failed`);
    expect(spans.map((s) => s.text)).toEqual(["error", ": it failed"]);
    expect(spans[0]).toMatchObject({ color: "red", bold: true });
    expect(spans[1]).toMatchObject({ color: null, bold: false });
  });

  it("drops hyperlinks, titles and cursor movements, and keeps their text", () => {
    expect(plainText(`${ESC}]8;;https://evil.example${ESC}\\click${ESC}]8;;${ESC}\\ me`)).toBe("click me");
    expect(plainText(`${ESC}]0;owned\u0007line`)).toBe("line");
    expect(plainText(`${ESC}[2J${ESC}[1;1Hhello${ESC}[32m!${ESC}[0m`)).toBe("hello!");
    expect(plainText("a\u0000b\u202ec")).toBe("abc");
  });

  it("shows of a line that goes back to its start what a terminal would show in the end", () => {
    expect(plainText(`10 %\r50 %\r${ESC}[32m100 %${ESC}[0m\r`)).toBe("100 %");
  });

  it("leaves markup as the text it is", () => {
    const line = "<script>alert(1)</script> <img src=x onerror=alert(1)>";
    expect(
      parseAnsi(line)
        .map((s) => s.text)
        .join(""),
    ).toBe(line);
  });

  it("is done at once with a hostile line", () => {
    const started = performance.now();
    parseAnsi(`${ESC}]`.repeat(20_000));
    plainText(`${ESC}[`.repeat(50_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
