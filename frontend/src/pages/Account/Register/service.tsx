import { useMutation, useQuery } from "@tanstack/react-query";
import { readConfigOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import { logIn, register } from "@/lib/api/generated/sdk.gen";
import type { RegisterRequestWritable } from "@/lib/api/generated/types.gen";
import { keepTokens } from "@/lib/auth-session";

export function useConfig() {
  return useQuery({ ...readConfigOptions(), refetchInterval: false });
}

/** Makes the account and signs it in. */
export function useRegister() {
  return useMutation({
    mutationFn: async (body: RegisterRequestWritable) => {
      await register({ body, throwOnError: true });
      const { email, password } = body;
      const { data } = await logIn({ body: { email, password }, throwOnError: true });
      return data;
    },
    onSuccess: keepTokens,
  });
}
