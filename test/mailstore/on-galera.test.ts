import { galeraMissing, startGalera } from '../support/galera.ts';
import { tryOn } from './on-every-database.ts';

tryOn({
  name: 'three nodes of a Galera cluster',
  missing: galeraMissing(),
  async start() {
    const cluster = await startGalera();
    return { urls: cluster.nodes.map((node) => node.url), stop: () => cluster.stop() };
  },
});
