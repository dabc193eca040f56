import { toast } from "sonner";
import { describe, expect, it, vi } from "vitest";
import { createQueryClient, TELLS_FAILURE } from "./query-client";

describe("a mutation that fails", () => {
  const fail = (meta?: typeof TELLS_FAILURE) => {
    const client = createQueryClient();
    const mutation = client.getMutationCache().build(client, {
      mutationFn: () => Promise.reject({ status: 409, detail: "A check runs already." }),
      ...(meta ? { meta } : {}),
    });
    return mutation.execute(undefined).catch(() => undefined);
  };

  it("is told where nothing else would tell it, and only there", async () => {
    const told = vi.spyOn(toast, "error").mockReturnValue(1);
    await fail();
    expect(told).not.toHaveBeenCalled();
    await fail(TELLS_FAILURE);
    expect(told).toHaveBeenCalledWith("A check runs already.");
  });
});
