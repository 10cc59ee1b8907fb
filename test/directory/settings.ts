import { type DirectorySettings, directorySettings } from '@postern/shared/directory/settings.ts';

/** Settings for the sample tree at `url`, as the relay or store would have them, but with more patience. */
export function sampleSettings(url: string, ca: string, more: Record<string, unknown> = {}): DirectorySettings {
  return directorySettings().parse({
    urls: [url],
    baseDn: 'o=hosting,dc=myhosting,dc=example',
    bindDn: 'cn=relay,dc=myhosting,dc=example',
    bindPassword: 'relay',
    ca,
    defaultDomain: 'domain1.example',
    // A busy machine is no directory that is away.
    timeoutMs: 60_000,
    ...more,
  });
}
