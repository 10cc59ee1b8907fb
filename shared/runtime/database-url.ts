/**
 * `mysql://user:password@one:3306,two:3306/name` as a URL for each host, in the order given: nodes of one cluster, of which
 * any will do.
 *
 * @throws TypeError when it is no URL
 */
export function urlsOfHosts(url: string): string[] {
  const match = /^([a-z]+:\/\/)([^/?#]*@)?([^/?#@]*)(.*)$/is.exec(url);
  const [, scheme = '', user = '', hosts = '', rest = ''] = match ?? [];
  const urls = match === null ? [url] : hosts.split(',').map((host) => `${scheme}${user}${host}${rest}`);
  return urls.map((each) => {
    new URL(each);
    return each;
  });
}

/** mysql2 does not read a socket from the URL's query. */
export function socketOf(url: string): { socketPath: string } | Record<string, never> {
  const socketPath = new URL(url).searchParams.get('socketPath');
  return socketPath === null ? {} : { socketPath };
}
