import { useMutation } from "@tanstack/react-query";
import { toast } from "sonner";
import { useInvalidate } from "@/hooks/useInvalidate";
import { changePasswordMutation, updateMeMutation } from "@/lib/api/generated/@tanstack/react-query.gen";
import { keepTokens } from "@/lib/auth-session";
import { texts } from "@/lib/texts/account";

export function useUpdateProfile() {
  const invalidate = useInvalidate();
  return useMutation({
    ...updateMeMutation(),
    onSuccess: async () => {
      await invalidate("readMe", "listMembers");
      toast.success(texts.profile.saved);
    },
  });
}

/** All other sessions end with the old password; this one goes on with the token that comes back. */
export function useChangePassword() {
  return useMutation({
    ...changePasswordMutation(),
    onSuccess: (tokens) => {
      keepTokens(tokens);
      toast.success(texts.profile.changed);
    },
  });
}
