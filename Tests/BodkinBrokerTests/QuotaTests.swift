import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore
import Testing

@Suite("Quotas")
struct QuotaTests {
    private let start = NIODeadline.uptimeNanoseconds(5_000_000_000)

    @Test("a bucket gives its burst, then its rate, and saves no more than its burst")
    func bucket() {
        var bucket = TokenBucket(rate: 10, burst: 3, now: start)
        func taken(_ bucket: inout TokenBucket, _ now: NIODeadline) -> Int {
            var count = 0
            while bucket.take(now: now) { count += 1 }
            return count
        }
        #expect(taken(&bucket, start) == 3)
        #expect(taken(&bucket, start + .milliseconds(99)) == 0)
        #expect(taken(&bucket, start + .milliseconds(201)) == 2)
        #expect(taken(&bucket, start + .hours(1)) == 3)
        // A clock that goes back gives nothing, and takes nothing.
        #expect(taken(&bucket, start) == 0)
    }

    @Test("a debt is paid by time, and by an hour at most where there is no rate")
    func debt() {
        var bucket = TokenBucket(rate: 1000, burst: 0, now: start)
        bucket.charge(500, now: start)
        let debt = bucket.debt(now: start)
        #expect(debt >= .milliseconds(500) && debt < .milliseconds(501))
        let paid = bucket.debt(now: start + .milliseconds(500))
        #expect(paid == .zero)
        var closed = TokenBucket(rate: 0, burst: 0, now: start)
        closed.charge(1, now: start)
        let never = closed.debt(now: start)
        #expect(never == .hours(1))
    }

    @Test("what one account lacks is taken from none")
    func together() {
        var quotas = Quotas()
        quotas.token.circuits = 1
        var table = QuotaTable(quotas)
        let mine = [Account.token(0), .address(IPAddress(v4: 1))]
        let yours = [Account.token(0), .address(IPAddress(v4: 2))]
        var taken = [table.take(.circuit, mine, now: start), table.take(.circuit, yours, now: start)]
        table.release(.circuit, mine, now: start)
        taken.append(table.take(.circuit, yours, now: start))
        #expect(taken == [true, false, true])
    }

    @Test("reconnecting does not refill a bucket, and idle accounts are forgotten")
    func forgotten() {
        var quotas = Quotas()
        quotas.address.dialBurst = 1
        quotas.address.dialsPerSecond = 0.01
        var table = QuotaTable(quotas)
        let account = [Account.address(IPAddress(v4: 1))]
        _ = table.take(.connection, account, now: start)
        var taken = [table.takeDial(account, now: start)]
        table.release(.connection, account, now: start)
        table.forgetIdle(now: start + .seconds(59))
        taken.append(table.takeDial(account, now: start + .seconds(59)))
        #expect(taken == [true, false])
        table.forgetIdle(now: start + .seconds(61))
        #expect(table.count == 0)
    }

    @Test("a /56 is one account, an IPv4 address is one")
    func accounts() {
        let home = Account(source: IPAddress(v6High: 0x2001_0DB8_0000_AB01, low: 1))
        #expect(home == Account(source: IPAddress(v6High: 0x2001_0DB8_0000_ABFF, low: 9)))
        #expect(home != Account(source: IPAddress(v6High: 0x2001_0DB8_0000_AC00, low: 1)))
        #expect(Account(source: IPAddress(v4: 1)) != Account(source: IPAddress(v4: 2)))
    }
}
