// What each problem of a certificate means, and which section of which specification says so: for people who look at a certificate
// that was refused (`exchequer spiffe inspect`, docs). Names no value of the certificate: nobody has proved any.

import type { CertificateProblem } from '../core/certificate-problem.ts';

interface Explanation {
  /** A sentence without its full stop. */
  readonly says: string;
  readonly section: string;
}

/** Where the specification leaves the line to us. */
const OURS = 'a bound of this broker';

export const CERTIFICATE_PROBLEMS: Readonly<Record<CertificateProblem, Explanation>> = {
  chain_empty: { says: 'there is no certificate', section: 'RFC 5280 §6.1' },
  chain_too_long: { says: 'more certificates than any honest chain has', section: OURS },
  chain_too_large: { says: 'the certificates are larger together than any honest chain is', section: OURS },
  certificate_too_large: { says: 'a certificate is larger than any honest one is', section: OURS },
  der: { says: 'a certificate is not DER, or has something behind its end', section: 'RFC 5280 §4.1, X.690 §10' },
  version: { says: 'a certificate is not of version 3', section: 'RFC 5280 §4.1.2.1' },
  serial: { says: 'a serial number is longer than 20 bytes', section: 'RFC 5280 §4.1.2.2' },
  algorithms_differ: {
    says: 'the signature algorithm inside a certificate is not the one beside its signature',
    section: 'RFC 5280 §4.1.1.2',
  },
  name_missing: { says: 'an issuer has no name', section: 'RFC 5280 §4.1.2.4 and §4.1.2.6' },
  name_too_long: { says: 'a distinguished name is longer than any honest one', section: OURS },
  names_too_many: { says: 'a certificate has more names or name constraints than any honest one', section: OURS },
  time: {
    says: 'a validity is not in the form of its century, is no date, or ends before it begins',
    section: 'RFC 5280 §4.1.2.5',
  },
  unique_identifier: { says: 'a certificate has a unique identifier of version 2', section: 'RFC 5280 §4.1.2.8' },
  extension_repeated: { says: 'a certificate has an extension twice', section: 'RFC 5280 §4.2' },
  extension_malformed: { says: 'the value of an extension is not what its standard says', section: 'RFC 5280 §4.2.1' },
  uri_missing: { says: 'the leaf has no URI among its subject alternative names', section: 'X509-SVID §2' },
  uri_several: {
    says: 'the leaf has more than one URI among its subject alternative names',
    section: 'X509-SVID §2 and §5.2',
  },
  spiffe_id: { says: 'the URI of the leaf is not a SPIFFE ID', section: 'SPIFFE-ID §2, X509-SVID §2' },
  spiffe_id_path: {
    says: 'the SPIFFE ID of the leaf has no path: it names a trust domain and no workload',
    section: 'X509-SVID §5.2',
  },
  leaf_authority: { says: 'the leaf is a certificate authority (cA)', section: 'X509-SVID §4.1 and §5.2' },
  leaf_signs: { says: 'the key usage of the leaf has keyCertSign or cRLSign', section: 'X509-SVID §4.3 and §5.2' },
  leaf_is_anchor: { says: 'the leaf itself stands among the authorities', section: 'X509-SVID §3.2' },
  key_usage_missing: { says: 'the leaf has no key usage', section: 'X509-SVID §4.3' },
  key_usage_not_critical: { says: 'the key usage of the leaf is not critical', section: 'X509-SVID §4.3' },
  key_usage: { says: 'the key usage of the leaf lacks digitalSignature', section: 'X509-SVID §4.3' },
  extended_key_usage: {
    says: 'the extended key usage of the leaf lacks the purpose it is used for',
    section: 'X509-SVID §4.4, RFC 5280 §4.2.1.12',
  },
  names_not_critical: {
    says: 'the leaf has no subject, and its subject alternative name is not critical',
    section: 'X509-SVID §3.1, RFC 5280 §4.2.1.6',
  },
  expired: { says: 'the leaf has expired', section: 'RFC 5280 §6.1.3' },
  not_yet_valid: { says: 'the leaf is not valid yet', section: 'RFC 5280 §6.1.3' },
  key: {
    says: 'the key of the leaf is not RSA of 2048 to 8192 bits, nor on P-256, P-384 or P-521',
    section: 'NIST SP 800-57 part 1 §5.6, RFC 5480 §2',
  },
  signature_algorithm: {
    says: 'a certificate is signed with an algorithm that is not RSA or ECDSA with SHA-2',
    section: 'RFC 5280 §4.1.1.2, RFC 4055, RFC 5758',
  },
  signature_invalid: { says: 'the authority of that name did not sign the certificate', section: 'RFC 5280 §6.1.3' },
  extension_unknown: { says: 'a critical extension is not known here', section: 'RFC 5280 §4.2' },
  policy_unsupported: {
    says: 'a critical extension speaks about certificate policies, which are not processed here',
    section: 'RFC 5280 §4.2.1.4, §4.2.1.11 and §4.2.1.14',
  },
  issuer_unknown: {
    says: 'no path leads to an authority of the trust domain: none of them, and no certificate beside the leaf, has the name of the issuer',
    section: 'RFC 5280 §6.1, X509-SVID §5.1',
  },
  issuer_not_authority: { says: 'an issuer is no certificate authority (cA)', section: 'RFC 5280 §6.1.4 (k)' },
  issuer_key_usage: {
    says: 'the key usage of an issuer lacks keyCertSign',
    section: 'RFC 5280 §6.1.4 (n), X509-SVID §4.3',
  },
  issuer_extended_key_usage: {
    says: 'the extended key usage of an issuer lacks the purpose that the leaf is used for',
    section: 'RFC 5280 §4.2.1.12',
  },
  issuer_expired: { says: 'an issuer has expired', section: 'RFC 5280 §6.1.3' },
  issuer_not_yet_valid: { says: 'an issuer is not valid yet', section: 'RFC 5280 §6.1.3' },
  issuer_key: {
    says: 'the key of an issuer is not RSA of 2048 to 8192 bits, nor on P-256, P-384 or P-521',
    section: 'NIST SP 800-57 part 1 §5.6, RFC 5480 §2',
  },
  issuer_spiffe_id: {
    says: 'an issuer has a SPIFFE ID with a path, or several',
    section: 'X509-SVID §3.2',
  },
  path_length: {
    says: 'more authorities stand below one than its path length allows',
    section: 'RFC 5280 §6.1.4 (l) and (m)',
  },
  name_constraints: {
    says: 'a name is outside what an authority may sign',
    section: 'RFC 5280 §6.1.3 (b) and (c), X509-SVID §4.2',
  },
  name_constraints_unsupported: {
    says: 'an authority constrains names of a form that is not compared here, and such a name is there',
    section: 'RFC 5280 §4.2.1.10',
  },
  path_too_long: { says: 'the path to an authority is longer than any honest one', section: OURS },
  path_too_costly: { says: 'finding a path takes more work than any honest chain needs', section: OURS },
};
