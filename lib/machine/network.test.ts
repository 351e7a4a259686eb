// The steps that create a network, as text.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { networkDown, networkOf, networkUp, stepLine } from './network.ts';

const network = { device: 'tap-1', address: '10.77.0.1/24', user: 'me' };

test('an address is in its network', () => {
  assert.is(networkOf('10.77.0.1/24'), '10.77.0.0/24');
  assert.is(networkOf('192.168.77.130/26'), '192.168.77.128/26');
  assert.is(networkOf('200.1.2.3/8'), '200.0.0.0/8');
});

test('a device, its address, forwarding, and NAT in a separate table', () => {
  assert.equal(networkUp(network, 'nft').map(stepLine), [
    'ip link show dev tap-1 >/dev/null 2>&1 || ip tuntap add dev tap-1 mode tap user me',
    'ip address replace 10.77.0.1/24 dev tap-1',
    'ip link set dev tap-1 up',
    'echo 1 >/proc/sys/net/ipv4/ip_forward',
    [
      "nft -f - <<'end'",
      'table ip bloomery_tap_1',
      'delete table ip bloomery_tap_1',
      'table ip bloomery_tap_1 {',
      '  chain postrouting {',
      '    type nat hook postrouting priority srcnat;',
      '    ip saddr 10.77.0.0/24 oifname != "tap-1" masquerade',
      '  }',
      '}',
      'end',
    ].join('\n'),
  ]);
  assert.equal(networkDown(network, 'nft').map(stepLine), ['nft delete table ip bloomery_tap_1', 'ip link delete dev tap-1']);
});

test('the same with iptables, where each rule is added once', () => {
  const up = networkUp(network, 'iptables').map(stepLine);
  assert.is(
    up[4],
    'iptables -t nat -C POSTROUTING -s 10.77.0.0/24 ! -o tap-1 -j MASQUERADE >/dev/null 2>&1 || ' +
      'iptables -t nat -A POSTROUTING -s 10.77.0.0/24 ! -o tap-1 -j MASQUERADE',
  );
  const down = networkDown(network, 'iptables').map(stepLine);
  assert.equal(down.length, 4);
  assert.is(down[1], 'iptables -t filter -D FORWARD -i tap-1 -j ACCEPT');
});

test.run();
