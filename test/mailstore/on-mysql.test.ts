import { mysqlMissing, startMysql } from '../support/mysql.ts';
import { tryOn } from './on-every-database.ts';

tryOn({
  name: 'MySQL',
  missing: mysqlMissing(),
  async start() {
    const server = await startMysql();
    return { urls: [server.url], stop: () => server.stop() };
  },
});
