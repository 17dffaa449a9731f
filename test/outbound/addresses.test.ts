// Which addresses may be dialled: attack A-38, JB-06. Every refusal stands beside the permission that differs in one thing.

import { describe, expect, it } from 'vitest';
import { addressProblem } from '../../src/outbound/addresses.ts';

const NOWHERE = { privateNetwork: false, loopback: false };
const PRIVATE = { privateNetwork: true, loopback: false };
const LOOPBACK = { privateNetwork: false, loopback: true };
const ALL = { privateNetwork: true, loopback: true };

describe('addressProblem', () => {
  it.each(['93.184.216.34', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
    'permits the public address %s',
    (address) => expect(addressProblem(address, NOWHERE)).toBeUndefined(),
  );

  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    'fd12:3456::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::1',
    '2002:c0a8:101::',
  ])('permits the private address %s only on a private network (A-38)', (address) => {
    expect(addressProblem(address, NOWHERE)).toBe('a private address');
    expect(addressProblem(address, LOOPBACK)).toBe('a private address');
    expect(addressProblem(address, PRIVATE)).toBeUndefined();
  });

  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::127.0.0.1',
    '2002:7f00:1::',
  ])('permits loopback %s only where loopback is (A-38)', (address) => {
    expect(addressProblem(address, PRIVATE)).toBe('a loopback address');
    expect(addressProblem(address, LOOPBACK)).toBeUndefined();
  });

  it.each([
    ['169.254.169.254', 'a link-local address'],
    ['::ffff:169.254.169.254', 'a link-local address'],
    ['::ffff:a9fe:a9fe', 'a link-local address'],
    ['64:ff9b::a9fe:a9fe', 'a link-local address'],
    ['::ffff:0:a9fe:a9fe', 'a link-local address'],
    ['2002:a9fe:a9fe::1', 'a link-local address'],
    // Teredo carries the client's address with its bits flipped, and a server's as it is.
    ['2001:0:808:808:0:0:5601:5601', 'a link-local address'],
    ['2001:0:a9fe:a9fe:0:0:f7f7:f7f7', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['169.254.170.2', 'a link-local address'],
    ['fd00:ec2::254', 'a metadata address'],
    ['fd20:ce::254', 'a metadata address'],
    ['100.100.100.200', 'a metadata address'],
    ['::ffff:100.100.100.200', 'a metadata address'],
    ['168.63.129.16', 'a metadata address'],
    ['0.0.0.0', 'a reserved address'],
    ['::', 'a reserved address'],
    ['224.0.0.1', 'a reserved address'],
    ['ff02::1', 'a reserved address'],
    ['255.255.255.255', 'a reserved address'],
    ['240.0.0.1', 'a reserved address'],
    ['192.0.0.192', 'a reserved address'],
    ['198.18.0.1', 'a reserved address'],
    ['203.0.113.1', 'a reserved address'],
    ['2001:db8::1', 'a reserved address'],
    ['fec0::1', 'a reserved address'],
    ['64:ff9b:1::a00:1', 'a reserved address'],
    // The deprecated IPv4-compatible form, and space that IANA has given to nobody.
    ['::7f00:1', 'a reserved address'],
    ['4000::1', 'a reserved address'],
  ])('never permits %s, whatever is configured (A-38)', (address, problem) => {
    expect(addressProblem(address, ALL)).toBe(problem);
  });

  it.each([
    '',
    'localhost',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '127.1',
    'fe80::1%eth0',
    '::1%lo',
    '1.2.3.4.5',
    '8.8.8.8 ',
  ])('takes %j for no address, since readers disagree about such texts (A-38)', (address) =>
    expect(addressProblem(address, ALL)).toBe('not an IP address'),
  );

  it('permits a Teredo address whose server and client are both public', () => {
    expect(addressProblem('2001:0:808:808:0:0:f7f7:f7f7', NOWHERE)).toBeUndefined();
  });
});
