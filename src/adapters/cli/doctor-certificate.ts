// The listener's own certificate, as its file holds it: until when it is good, and whether it is for the host of the issuer. Whether somebody
// trusts it is found out by asking (doctor-reach.ts).

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { CERTIFICATE_ENDS_SECONDS } from '../../core/limits-outside.ts';
import { about, type Finding } from './doctor-report.ts';

const RENEW = 'renew it: a file that changes is shown from the next handshake on';

export function certificateFindings(
  { path, pem }: { readonly path: string; readonly pem: string },
  issuer: string,
  nowSeconds: number,
): readonly Finding[] {
  const { ok, warn, fail } = about('certificate');
  const certificate = new X509Certificate(pem);
  const { validTo } = certificate;
  const leftSeconds = Math.round(Date.parse(validTo) / 1000 - nowSeconds);
  const name = new URL(issuer).hostname.replace(/^\[|\]$/g, '');
  const named = isIP(name) > 0 ? certificate.checkIP(name) : certificate.checkHost(name);
  return [
    leftSeconds < 0
      ? fail(`${path} ended at ${validTo}`, RENEW)
      : leftSeconds < CERTIFICATE_ENDS_SECONDS
        ? warn(`${path} ends at ${validTo}`, RENEW)
        : ok(`${path} is valid until ${validTo}`),
    ...(named === undefined
      ? [warn(`${path} is not for ${name}`, 'right only where something else ends TLS for the issuer')]
      : []),
  ];
}
