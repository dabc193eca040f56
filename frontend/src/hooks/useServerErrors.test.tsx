// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import * as React from "react";
import { type FieldErrors, useForm } from "react-hook-form";
import { expect, it } from "vitest";
import { useServerErrors } from "./useServerErrors";

type Values = { name: string; size: { cpus: string } };

/** A form whose checks refuse everything, with a field that can be taken away. */
function Form() {
  const [isLong, setLong] = React.useState(true);
  const form = useForm<Values>({
    defaultValues: { name: "", size: { cpus: "" } },
    resolver: () => {
      const wrong = (message: string) => ({ type: "custom", message });
      const errors: FieldErrors<Values> = { name: wrong("Is empty."), size: { cpus: wrong("Is no number.") } };
      return { values: {}, errors };
    },
  });
  const server = useServerErrors(form);
  return (
    <form onSubmit={form.handleSubmit(() => undefined, server.refused)}>
      <input aria-label="Name" {...form.register("name")} />
      {isLong ? <input aria-label="CPUs" {...form.register("size.cpus")} /> : null}
      <output>{server.formError}</output>
      <button type="button" onClick={() => setLong(!isLong)}>
        Less
      </button>
      <button type="submit">Send</button>
    </form>
  );
}

it("says what is wrong with a field that is not on the page, and leaves the others to theirs", async () => {
  render(<Form />);
  const send = () => userEvent.click(screen.getByRole("button", { name: "Send" }));
  await send();
  expect(screen.getByRole("status")).toBeEmptyDOMElement();
  await userEvent.click(screen.getByRole("button", { name: "Less" }));
  await send();
  expect(await screen.findByText("size.cpus: Is no number.")).toBeInTheDocument();
  await userEvent.click(screen.getByRole("button", { name: "Less" }));
  await send();
  expect(screen.getByRole("status")).toBeEmptyDOMElement();
});
