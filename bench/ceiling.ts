// The ceiling: a bare fastify + jose server that does the same verify (RS256) and the same sign (ES256) over TLS, and nothing
// else: no policy, no record, no strict parsing, no recheck. What a broker costs is the distance to this.
// Arguments: port, certificate file, key file, JWK file of the issuer, issuer, audience.

import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose';

const [port, certificate, key, jwk, issuer, audience] = process.argv.slice(2);
const verificationKey = await importJWK(JSON.parse(readFileSync(jwk ?? '', 'utf8')).keys[0], 'RS256');
const { privateKey } = await generateKeyPair('ES256');

const app = Fastify({ https: { cert: readFileSync(certificate ?? ''), key: readFileSync(key ?? '') } });
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
  done(null, Object.fromEntries(new URLSearchParams(String(body))));
});
app.post<{ Body: Record<string, string> }>('/token', async (request) => {
  const { payload } = await jwtVerify(request.body.subject_token ?? '', verificationKey, {
    algorithms: ['RS256'],
    issuer: issuer ?? '',
    audience: audience ?? '',
  });
  const token = await new SignJWT({ client_id: String(payload.sub), scope: 'postings:read' })
    .setProtectedHeader({ alg: 'ES256', kid: 'ceiling', typ: 'at+jwt' })
    .setIssuer(audience ?? '')
    .setAudience('https://api.example/ledger')
    .setSubject(String(payload.sub))
    .setIssuedAt()
    .setExpirationTime('5m')
    .setJti(crypto.randomUUID())
    .sign(privateKey);
  return { access_token: token, token_type: 'Bearer', expires_in: 300 };
});
await app.listen({ host: '127.0.0.1', port: Number(port) });
process.stderr.write('listening (public)\n');
