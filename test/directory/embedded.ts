import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type EmbeddedDirectory, startEmbeddedDirectory } from '@postern/infra/demo/embedded-directory/server.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { makeTestPki } from '../support/pki.ts';

export interface EmbeddedForTest {
  readonly url: string;
  readonly ca: string;
  /** Ends it and starts it again on the same data, as after a restart of the demo. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const SAMPLE = resolve(import.meta.dirname, '../../schema/ldap/sample.ldif');

/** The demo's directory in this process, with the sample tree and the entries of another LDIF file. */
export async function startEmbedded({ moreEntries }: { readonly moreEntries?: string } = {}): Promise<EmbeddedForTest> {
  const pki = await makeTestPki();
  const data = join(pki.folder, 'tree.ldif');
  const files = moreEntries === undefined ? [SAMPLE] : [SAMPLE, moreEntries];
  writeFileSync(data, files.map((file) => readFileSync(file, 'utf8')).join('\n'));
  const tls = { cert: readFileSync(pki.directory.cert, 'utf8'), key: readFileSync(pki.directory.key, 'utf8') };
  const start = (port: number): Promise<EmbeddedDirectory> =>
    startEmbeddedDirectory(
      {
        host: '127.0.0.1',
        port,
        tls,
        data,
        suffix: 'dc=myhosting,dc=example',
      },
      silentLog(),
    );
  let directory = await start(0);
  return {
    url: directory.url,
    ca: pki.ca,
    async restart() {
      await directory.close();
      directory = await start(directory.port);
    },
    async stop() {
      await directory.close();
      pki.remove();
    },
  };
}
