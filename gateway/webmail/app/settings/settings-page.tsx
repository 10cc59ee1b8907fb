/** The settings, one page each (`/settings/PAGE`). Loaded when they are opened. */
export function SettingsPage({ page }: { readonly page: string }) {
  return <section aria-label={page} />;
}
