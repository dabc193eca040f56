/** What went wrong, where no answer says it. */
export const texts = {
  noAnswer: "The server does not answer. Check that it runs and that you are connected.",
  odd: "Something went wrong in this page, or the answer could not be read.",
  statuses: {
    413: "That is more than the server takes (HTTP 413).",
    429: "Too many requests came from here (HTTP 429). Wait a moment.",
    502: "What stands before the server got no answer from it (HTTP 502). It may be starting again.",
    503: "The server can't answer at the moment (HTTP 503). It may be starting again.",
    504: "The server took too long to answer (HTTP 504).",
  } as Record<number, string>,
  failed: (status: number) => `The server failed without saying why (HTTP ${status}).`,
  refused: (status: number) => `The server refused without a reason (HTTP ${status}).`,
};
