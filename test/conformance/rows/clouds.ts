// What clouds ask of an issuer that they trust (AWS STS, Google STS, Entra), and what all of them take alike.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  {
    id: 'CA-01',
    says: 'AWS trusts an https issuer without port and query, by its published keys',
    decision: 'a port is a warning: brokers of developers have one',
  },
  { id: 'CA-02', says: 'RS256 to ES512 alone', decision: 'RS256 for every cloud' },
  { id: 'CA-03', says: 'iss, aud, sub, iat, exp; aud is one value; no azp' },
  {
    id: 'CA-04',
    says: 'a subject of at most 255 characters',
    decision: 'one that parameters make longer is refused before AWS is asked',
  },
  { id: 'CA-05', says: 'the parameters of AssumeRoleWithWebIdentity; names that fit and stay apart; not signed' },
  { id: 'CA-06', says: 'session tags within their limits, where the target wants them' },
  { id: 'CA-07', says: 'a source identity, where the target wants one' },
  { id: 'CA-08', says: 'codes of AWS: what will not change is not tried again' },
  {
    id: 'CG-01',
    says: "the words of Google's STS: a form or JSON, without authorization",
    decision: "gcloud's own client id is taken and ignored",
  },
  { id: 'CG-02', says: 'aud is the one that the provider allows, byte for byte' },
  { id: 'CG-03', says: 'key documents with public members alone' },
  { id: 'CG-04', says: 'google.subject has at most 127 bytes', decision: 'a longer one is a digest' },
  { id: 'CG-05', says: 'an assertion is fresh for each question' },
  { id: 'CG-06', says: 'a service account by way of the federated token, with its own end' },
  { id: 'CZ-02', says: 'issuer, subject and audience are exact, and of at most 600 characters' },
  { id: 'CX-01', says: 'RS256, kid, typ JWT, one audience, five minutes, jti' },
  {
    id: 'CX-02',
    says: 'an assertion for one cloud opens no other, and is no proof here',
    decision: 'two targets of clouds share an audience where both accept it',
  },
  { id: 'CX-03', says: 'keys are published a day before they sign, and stay a day after', decision: 'at least' },
  {
    id: 'CX-04',
    says: 'credentials in the shape of RFC 8693, never across subjects',
    decision: 'AWS: N_A and a type of ours; Google and Entra: Bearer',
  },
];
