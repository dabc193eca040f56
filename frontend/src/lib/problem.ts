import { texts } from "@/lib/texts/problems";

/** Failures as the page understands them: the api's problem+json, or no answer at all. */

export type FieldProblem = { field: string; message: string; code?: string | undefined };

export type Problem = {
  status: number;
  code: string;
  title: string;
  detail: string;
  errors: FieldProblem[];
  request_id: string;
};

/** No answer: the server is down, or the network is. */
export const NO_ANSWER = 0;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}

function fieldProblems(value: unknown): FieldProblem[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((entry) => ({
    field: text(entry.field, ""),
    message: sentence(text(entry.message, "is invalid")),
    code: typeof entry.code === "string" ? entry.code : undefined,
  }));
}

/** The api's field messages continue the field's name (`must be …`); alone they start with a capital. */
export function sentence(message: string): string {
  const first = [...message][0] ?? "";
  // An address or a name stays as it is: `unix:///run/docker.sock answers`.
  const isName = /^\S*[/:_.\d]\S/.test(message);
  const whole = isName ? message : first.toUpperCase() + message.slice(first.length);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

function meaningOf(status: number): string {
  return texts.statuses[status] ?? (status >= 500 ? texts.failed(status) : texts.refused(status));
}

/** An answer without a reason that can be read, such as a proxy's page: what its status means. */
export function unexplained(status: number): { status: number; code: string; title: string; detail: string } {
  const detail = meaningOf(status);
  return { status, code: "unexplained", title: detail, detail };
}

/** What went wrong, whatever was thrown. */
export function toProblem(error: unknown): Problem {
  if (isRecord(error) && typeof error.status === "number") {
    return {
      status: error.status,
      code: text(error.code, "error"),
      title: text(error.title, "Error"),
      detail: text(error.detail, text(error.title, meaningOf(error.status))),
      errors: fieldProblems(error.errors),
      request_id: text(error.request_id, ""),
    };
  }
  if (error instanceof TypeError || (error instanceof DOMException && error.name !== "AbortError")) {
    return noAnswer(texts.noAnswer);
  }
  // A text is the body of an answer that was no problem: whatever it holds, it is not for people.
  return noAnswer(error instanceof Error ? error.message : texts.odd);
}

function noAnswer(detail: string): Problem {
  return { status: NO_ANSWER, code: "no_answer", title: "No answer", detail, errors: [], request_id: "" };
}

/** Whether trying the same again may help. */
export function isTransient(problem: Problem): boolean {
  return problem.status === NO_ANSWER || problem.status === 429 || problem.status >= 500;
}

/** Whether the server found what was asked for to be invalid: asking the same again is of no use. */
export function isInvalid(error: unknown): boolean {
  const { status } = toProblem(error);
  return status === 400 || status === 422;
}

/** Whether the server says that there is no such thing, or no longer. */
export function isMissing(error: unknown): boolean {
  return error !== null && error !== undefined && toProblem(error).status === 404;
}
