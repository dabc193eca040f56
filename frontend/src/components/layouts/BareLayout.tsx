import { Outlet } from "react-router";

/** Around what belongs to no other layout. */
export function BareLayout() {
  return (
    <main id="content">
      <Outlet />
    </main>
  );
}
