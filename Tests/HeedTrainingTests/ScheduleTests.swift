import HeedTraining
import Testing

@Suite("Schedules")
struct ScheduleTests {
  @Test("a warm-up is a straight line from 0 to the peak")
  func warmup() {
    let schedule = Schedule.cosine(peak: 1, final: 0.1, warmup: 4, total: 20)
    #expect((0...4).map { schedule.rate(step: $0) } == [0, 0.25, 0.5, 0.75, 1])
  }

  @Test("linear and cosine meet half way and keep the final rate after the end")
  func ends() {
    let linear = Schedule.linear(peak: 1, final: 0.5, warmup: 10, total: 30)
    let cosine = Schedule.cosine(peak: 1, final: 0.5, warmup: 10, total: 30)
    #expect(linear.rate(step: 20) == 0.75)
    #expect(abs(cosine.rate(step: 20) - 0.75) < 1e-15)
    for step in [30, 31, 1000] {
      #expect(linear.rate(step: step) == 0.5)
      #expect(cosine.rate(step: step) == 0.5)
    }
  }

  @Test(
    "the rate never leaves the space between the final rate and the peak", arguments: [0, 1, 7])
  func bounds(warmup: Int) {
    let schedules: [Schedule] = [
      .constant(peak: 1, warmup: warmup), .linear(peak: 1, warmup: warmup, total: 17),
      .cosine(peak: 1, warmup: warmup, total: 17),
      .cosineWave(peak: 1, warmup: warmup, total: 17),
      .cosineWithRestarts(peak: 1, warmup: warmup, total: 17, cycles: 3),
      .polynomial(peak: 1, final: 0, warmup: warmup, total: 17, power: 2),
      .inverseSquareRoot(peak: 1, warmup: warmup),
    ]
    for schedule in schedules {
      for step in 0..<64 { #expect((0...1).contains(schedule.rate(step: step))) }
    }
  }

  @Test("a wave equals the cosine until the end, and then rises as it fell")
  func wave() {
    let wave = Schedule.cosineWave(peak: 1, warmup: 2, total: 12)
    let cosine = Schedule.cosine(peak: 1, warmup: 2, total: 12)
    for step in 0...12 { #expect(abs(wave.rate(step: step) - cosine.rate(step: step)) < 1e-15) }
    for step in 1...8 {
      #expect(abs(wave.rate(step: 12 + step) - wave.rate(step: 12 - step)) < 1e-15)
    }
  }

  @Test("a run without steps after the warm-up does not divide by zero")
  func degenerate() {
    #expect(Schedule.cosine(peak: 1, final: 0.5, warmup: 3, total: 3).rate(step: 3) == 1)
    #expect(Schedule.linear(peak: 1, final: 0.5, warmup: 3, total: 3).rate(step: 4) == 0.5)
  }
}
