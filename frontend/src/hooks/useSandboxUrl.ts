import { useQuery } from "@tanstack/react-query";
import { readConfigOptions } from "@/lib/api/generated/@tanstack/react-query.gen";

/** Where the simulated GitHub of this installation is, or null where there is none. */
export function useSandboxUrl(): string | null {
  const config = useQuery({ ...readConfigOptions(), refetchInterval: false });
  return config.data?.sandbox_github_url ?? null;
}
