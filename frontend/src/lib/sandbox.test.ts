import { expect, it } from "vitest";
import { isFor, SANDBOX_IMAGE, sandboxChange } from "./sandbox";

it("knows the sandbox by its address, whatever the credential is called", () => {
  expect(isFor({ api_url: "http://127.0.0.1:9100/" }, "http://127.0.0.1:9100")).toBe(true);
  expect(isFor({ api_url: "https://api.github.com" }, "http://127.0.0.1:9100")).toBe(false);
});

it("gives a recipe the sandbox's image and network, and takes both back", () => {
  const bare = { docker_image: "", host_network: false };
  const fit = { docker_image: SANDBOX_IMAGE, host_network: true };
  expect(sandboxChange(bare, true, true)).toEqual(fit);
  expect(sandboxChange(fit, false, true)).toEqual(bare);
});

it("leaves an image that somebody chose, and a network that is not theirs to set", () => {
  expect(sandboxChange({ docker_image: "acme/runner:1", host_network: false }, true, false)).toEqual({});
  expect(sandboxChange({ docker_image: "acme/runner:1", host_network: true }, false, true)).toEqual({});
});
