import type { Catalogue } from './catalogue.ts';
import { composeFr } from './catalogues/compose.fr.ts';
import { mailFr } from './catalogues/mail.fr.ts';
import { settingsFr } from './catalogues/settings.fr.ts';

export const french: Catalogue = { ...mailFr, ...composeFr, ...settingsFr };
