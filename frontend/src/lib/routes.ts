/** Every address of the page. None of them starts like one of the api's own paths. */
export const routes = {
  home: "/",
  signIn: "/sign-in",
  register: "/register",
  welcome: "/welcome",
  /** The same profile for those who belong to no organisation. */
  ownProfile: "/profile",
  profile: (orgId: string) => `/o/${orgId}/profile`,
  overview: (orgId: string) => `/o/${orgId}`,
  runners: (orgId: string) => `/o/${orgId}/runners`,
  runner: (orgId: string, runnerId: string) => `/o/${orgId}/runners/${runnerId}`,
  instance: (orgId: string, runnerId: string, instanceId: string) =>
    `/o/${orgId}/runners/${runnerId}/instances/${instanceId}`,
  instances: (orgId: string) => `/o/${orgId}/instances`,
  nodes: (orgId: string) => `/o/${orgId}/nodes`,
  credentials: (orgId: string) => `/o/${orgId}/credentials`,
  settings: (orgId: string) => `/o/${orgId}/settings`,
  members: (orgId: string) => `/o/${orgId}/members`,
  audit: (orgId: string) => `/o/${orgId}/audit`,
} as const;

/** The parameter that carries where one was through the sign-in. */
const RETURN_TO = "return_to";

/** The sign-in page that comes back here afterwards. */
export function signInFrom(location: { pathname: string; search: string }): string {
  const here = `${location.pathname}${location.search}`;
  if (here === "/" || here.startsWith(routes.signIn)) return routes.signIn;
  return `${routes.signIn}?${new URLSearchParams({ [RETURN_TO]: here })}`;
}

/** Where to go after the sign-in. Only paths of this page: anything else could lead elsewhere. */
export function returnTo(search: URLSearchParams): string {
  const path = search.get(RETURN_TO) ?? routes.home;
  return /^\/(?![/\\])/.test(path) && !path.startsWith(routes.signIn) ? path : routes.home;
}
