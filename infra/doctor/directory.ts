import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import type { DirectorySettings } from '@postern/shared/directory/settings.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import type { Check, Finding } from './finding.ts';

/** The directory answers, and knows the postmaster whom every mail host must have (RFC 5321 §4.5.1). */
export function directoryCheck(settings: DirectorySettings): Check {
  const subject = settings.urls.join(', ');
  const finding = (status: Finding['status'], found: string, advice?: string): Finding => {
    return { check: 'directory', subject, status, found, advice };
  };
  return {
    name: 'directory',
    async run() {
      // The findings say it; the log lines of the library would only stand between them.
      const directory = openLdapDirectory(settings, silentLog());
      try {
        const answer = await directory.check();
        if (!answer.ok) {
          const advice =
            'Is the server up, does the firewall let LDAP (389) pass from this host, are bindDn, bindPassword, ca and serverName right?';
          return [finding('fault', answer.cause, advice)];
        }
        if (settings.defaultDomain === undefined) return [finding('ok', 'it answers')];
        const address = `postmaster@${settings.defaultDomain}`;
        const postmaster = await directory.lookUp(address);
        if (postmaster.kind === 'account' || postmaster.kind === 'alias')
          return [finding('ok', `it answers, and knows ${address}`)];
        if (postmaster.kind === 'unknown') {
          return [finding('fault', postmaster.cause, 'May bindDn search below baseDn? See the ACLs in schema/ldap.')];
        }
        const advice = `Create the account or alias ${address}; without it nobody can report a fault (RFC 5321 §4.5.1).`;
        return [finding('warning', `it answers, but ${address}: ${postmaster.why}`, advice)];
      } finally {
        await directory.close();
      }
    },
  };
}
