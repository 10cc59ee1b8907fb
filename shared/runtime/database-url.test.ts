import { expect, it } from 'vitest';
import { urlsOfHosts } from './database-url.ts';

it.each([
  ['mysql://u:p%40@one:3306/mail', ['mysql://u:p%40@one:3306/mail']],
  [
    'mysql://u:p@one:1,two:2,[::1]:3/m?a=b,c',
    ['mysql://u:p@one:1/m?a=b,c', 'mysql://u:p@two:2/m?a=b,c', 'mysql://u:p@[::1]:3/m?a=b,c'],
  ],
  ['mysql://u:p,q@one,two/m', ['mysql://u:p,q@one/m', 'mysql://u:p,q@two/m']],
  ['mysql://u@localhost/m?socketPath=/run/s', ['mysql://u@localhost/m?socketPath=/run/s']],
])('%s: a URL for each host', (url, urls) => {
  expect(urlsOfHosts(url)).toEqual(urls);
});

it.each(['nothing', 'mysql://u:p@one:x,two/m', 'mysql://u:p@one:1,,two/m'])('%s: is no URL', (url) => {
  expect(() => urlsOfHosts(url)).toThrow(TypeError);
});
