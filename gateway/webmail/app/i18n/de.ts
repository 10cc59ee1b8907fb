import type { Catalogue } from './catalogue.ts';
import { composeDe } from './catalogues/compose.de.ts';
import { mailDe } from './catalogues/mail.de.ts';
import { settingsDe } from './catalogues/settings.de.ts';

export const german: Catalogue = { ...mailDe, ...composeDe, ...settingsDe };
