import { useMutation, useQuery } from "@tanstack/react-query";
import { logInMutation, readConfigOptions } from "@/lib/api/generated/@tanstack/react-query.gen";
import { keepTokens } from "@/lib/auth-session";

export function useConfig() {
  return useQuery({ ...readConfigOptions(), refetchInterval: false });
}

export function useSignIn() {
  return useMutation({ ...logInMutation(), onSuccess: keepTokens });
}
