import type { StoreConfig } from '@postern/store/config.ts';
import type { Check, Finding } from './finding.ts';
import { webPageFinding } from './web-page.ts';

/** The console shows its app by HTTPS. */
export function consoleCheck({ console: settings, ca }: StoreConfig): Check {
  return {
    name: 'console',
    async run(): Promise<Finding[]> {
      if (settings === undefined) {
        return [{ check: 'console', subject: 'console.listen', status: 'skipped', found: 'not configured' }];
      }
      const host = settings.origin === undefined ? undefined : new URL(settings.origin).hostname;
      const { listen } = settings;
      return [await webPageFinding({ check: 'console', listen, host, ca, service: 'postern-store' })];
    },
  };
}
