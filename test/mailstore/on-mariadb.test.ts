import { startTestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';
import { tryOn } from './on-every-database.ts';

tryOn(
  {
    name: 'MariaDB',
    async start() {
      const server = await startTestDatabase(WITHOUT_POWER_CUTS);
      return { urls: [server.url], stop: () => server.stop() };
    },
  },
  { ofProcess: true },
);
