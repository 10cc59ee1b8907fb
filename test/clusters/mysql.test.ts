import { afterAll, beforeAll, describe, it } from 'vitest';
import { type MysqlServer, mysqlMissing, startMysql } from '../support/mysql.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import type { StoreProcess } from '../support/store-process.ts';
import { Load, startOn } from './two-stores.ts';

const MESSAGES = process.env.POSTERN_TEST_FULL === '1' ? 400 : 60;
const missing = mysqlMissing();

describe.skipIf(missing !== undefined)(
  `two stores on MySQL${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let pki: TestPki;
    let slapd: Slapd;
    let mysql: MysqlServer;
    let stores: StoreProcess[];

    beforeAll(async () => {
      [pki, slapd, mysql] = await Promise.all([makeTestPki(), startSlapd(), startMysql()]);
      stores = [await startOn(mysql.url, pki, slapd), await startOn(mysql.url, pki, slapd)];
    }, 120_000);

    afterAll(async () => {
      for (const store of stores ?? []) await store.kill();
      await mysql?.stop();
      await slapd?.stop();
    });

    it('carry the same load: each message once, numbers in order', { timeout: 120_000 }, async () => {
      const load = new Load(stores, pki);
      await load.run(`two stores on MySQL ${mysql.version}`, MESSAGES);
      await load.expectAllIsWell(mysql.url);
    });
  },
);
