import { join } from 'node:path';
import {
  embeddedDirectorySettings,
  type RelaySettings,
  relaySettings,
  type StoreSettings,
  storeSettings,
  type WebmailSettings,
  webmailSettings,
  writeSettings,
} from './configuration.ts';
import type { Layout } from './layout.ts';
import { startNodeProcess } from './node-process.ts';
import { startPrivateDatabase } from './private-database.ts';
import { keepSampleTree } from './sample-tree.ts';
import { keepSecret, writeSecret } from './secrets.ts';
import type { Part } from './supervisor.ts';

/** Changes to the settings that a stack gets by itself: for tests. */
export interface SettingsChanges {
  readonly relay?: (settings: RelaySettings) => RelaySettings;
  readonly store?: (settings: StoreSettings) => StoreSettings;
  readonly webmail?: (settings: WebmailSettings) => WebmailSettings;
}

/** The private database. Its URL is written where store.yaml finds it; the gateway never sees it. */
export function databasePart(layout: Layout): Part {
  return {
    name: 'database',
    async start() {
      const server = await startPrivateDatabase({
        directory: layout.at('database'),
        port: layout.endpoints.database.port,
        password: keepSecret(layout, 'database'),
        logFile: layout.at('log', 'database.log'),
      });
      writeSecret(layout, 'database-url', server.url);
      return { ...server, ended: server.ended.then(() => 'ended') };
    },
  };
}

/** The embedded directory with the sample tree. */
export function directoryPart(layout: Layout): Part {
  const config = layout.at('etc', 'directory.json');
  return {
    name: 'directory',
    start(stopping) {
      writeSettings(config, embeddedDirectorySettings(layout, keepSampleTree(layout)));
      const script = join('infra', 'demo', 'embedded-directory', 'main.ts');
      return startNodeProcess({
        name: 'The directory',
        script,
        args: ['--config', config],
        logFile: layout.at('log', 'directory.log'),
        stopping,
      });
    },
  };
}

export function storePart(layout: Layout, changes: SettingsChanges = {}): Part {
  const config = layout.at('etc', 'store.yaml');
  return {
    name: 'store',
    start(stopping) {
      const settings = storeSettings(layout);
      writeSettings(config, changes.store?.(settings) ?? settings);
      return startNodeProcess({
        name: 'The store',
        script: join('store', 'main.ts'),
        args: ['--config', config],
        logFile: layout.at('log', 'store.log'),
        stopping,
      });
    },
  };
}

export function relayPart(layout: Layout, changes: SettingsChanges = {}): Part {
  const config = layout.at('etc', 'gateway.yaml');
  return {
    name: 'relay',
    start(stopping) {
      const settings = relaySettings(layout);
      writeSettings(config, changes.relay?.(settings) ?? settings);
      return startNodeProcess({
        name: 'The gateway',
        script: join('gateway', 'relay', 'main.ts'),
        args: ['--config', config],
        logFile: layout.at('log', 'relay.log'),
        stopping,
      });
    },
  };
}

export function webmailPart(layout: Layout, changes: SettingsChanges = {}): Part {
  const config = layout.at('etc', 'webmail.yaml');
  return {
    name: 'webmail',
    start(stopping) {
      const settings = webmailSettings(layout);
      writeSettings(config, changes.webmail?.(settings) ?? settings);
      return startNodeProcess({
        name: 'Webmail',
        script: join('gateway', 'webmail', 'main.ts'),
        args: ['--config', config],
        logFile: layout.at('log', 'webmail.log'),
        stopping,
      });
    },
  };
}
