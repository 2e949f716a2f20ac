// SPDX-License-Identifier: MIT
/// Every type of the library satisfies its concept.
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>
#if defined(WITH_EIGEN)
#include <scoresde/eigen/eigen.hpp>
#endif
#if defined(WITH_XTENSOR)
#include <scoresde/xtensor/xtensor.hpp>
#endif
#if defined(WITH_MPI)
#include <scoresde/mpi/mpi.hpp>
#endif
#if defined(WITH_CUDA)
#include <scoresde/cuda/cuda.hpp>
#endif

namespace {

using namespace scoresde;

// SDEs, with every predictor and corrector on each.
template <class S>
constexpr bool complete() {
  static_assert(Sde<S>);
  static_assert(Predictor<EulerMaruyama, S> && Predictor<ReverseDiffusion, S>);
  static_assert(Predictor<Ancestral, S> && Predictor<NoPredictor, S>);
  static_assert(Corrector<Langevin, S> && Corrector<AnnealedLangevin, S>);
  static_assert(Corrector<NoCorrector, S>);
  static_assert(predictor_corrector_fits<S, EulerMaruyama, Langevin>);
  return true;
}
static_assert(complete<VpSde>() && complete<VeSde>() && complete<SubVpSde>());
static_assert(complete<DiscreteVpSde>() && complete<DiscreteVeSde>());
static_assert(complete<DiscreteSubVpSde>());
static_assert(DiscreteSde<DdpmSde> && DiscreteSde<SmldSde> && !DiscreteSde<VpSde>);
static_assert(HasDiscreteChain<DdpmSde> && !HasDiscreteChain<VpSde>);
struct NamedProblem : LinearProblem<DenseOperator, HostState<double>> {};
static_assert(is_problem<NamedProblem, HostState<double>>);
static_assert(!is_problem<NamedProblem, HostState<float>>);
static_assert(complete<WithPriorMean<VeSde>>() && complete<WithPriorMean<DiscreteVpSde>>());
static_assert(!predictor_corrector_fits<VpSde, Langevin, EulerMaruyama>);

// Fast solvers on every SDE.
template <class S>
constexpr bool steps_fast() {
  static_assert(Solver<DdimSolver, S> && Solver<DpmSolver<3>, S> && Solver<UniPc<4>, S>);
  static_assert(Solver<DpmSolverPlusPlus<2>, S> && Solver<DpmSolverPlusPlusSingleStep<3>, S>);
  static_assert(solver_sampler_fits<S, DpmSolverSingleStep<2>>);
  return true;
}
static_assert(steps_fast<VpSde>() && steps_fast<VeSde>() && steps_fast<SubVpSde>());
static_assert(steps_fast<DiscreteVpSde>() && steps_fast<DiscreteVeSde>());
static_assert(!solver_sampler_fits<VpSde, Heun>);
static_assert(CountedSolver<DdimSolver> && !CountedSolver<Restart>);

// General SDEs, with every scheme.
struct Decay {
  double drift(double x, double) const { return -x; }
  double diffusion(double x, double) const { return x; }
  double diffusion_derivative(double, double) const { return 1; }
};
static_assert(GeneralSdeWithDerivative<Decay> && !Sde<Decay>);
static_assert(GeneralSdeWithDerivative<AsGeneralSde<VeSde>> && !GeneralSde<VeSde>);
static_assert(StrongScheme<EulerMaruyama> && StrongScheme<Milstein>);
static_assert(StrongScheme<DerivativeFreeMilstein> && StrongScheme<StochasticHeun>);
static_assert(!StrongScheme<ReverseDiffusion> && !solver_sampler_fits<Decay, DdimSolver>);
static_assert(!predictor_corrector_fits<Decay, EulerMaruyama, Langevin>);

// States and models.
template <class X>
constexpr bool serves() {
  static_assert(State<X> && Backend<decltype(backend(std::declval<const X&>()))>);
  static_assert(ScoreModel<Gaussian<VpSde>, X> && ScoreModel<GaussianMixture<VeSde>, X>);
  static_assert(PerSampleScoreModel<Gaussian<SubVpSde>, X>);
  static_assert(ElementwiseState<X> && QuantileState<X> && ContiguousState<X>);
  using Clipped = ClippedDenoiser<Gaussian<SubVpSde>, SubVpSde>;
  using Limited = DynamicallyThresholdedDenoiser<Gaussian<SubVpSde>, SubVpSde>;
  static_assert(PerSampleScoreModel<Clipped, X> && PerSampleScoreModel<Limited, X>);
  using Guided = GuidedScore<Gaussian<VpSde>, GaussianMixture<VpSde>>;
  static_assert(PerSampleScoreModel<Guided, X> && DifferentiableScoreModel<Guided, X>);
  static_assert(ScoreModel<GuidedScore<Clipped, Gaussian<SubVpSde>>, X>);
  static_assert(!DifferentiableScoreModel<GuidedScore<Clipped, Gaussian<SubVpSde>>, X>);
  using Changed = ChangeOfSde<GaussianMixture<EdmSde>, EdmSde, VpSde>;
  static_assert(PerSampleScoreModel<Changed, X> && DifferentiableScoreModel<Changed, X>);
  static_assert(PerSampleScoreModel<RescaledGuidance<Clipped, Gaussian<SubVpSde>>, X>);
  static_assert(NoiseSource<Noise, X> && TimedNoiseSource<BrownianPath<X, TimeClock>, X>);
  return true;
}
static_assert(serves<HostState<float>>() && serves<HostState<double>>());

static_assert(BrownianClock<TimeClock> && BrownianClock<LogSnrClock<VeSde>>);

// Runge-Kutta methods and integrators.
static_assert(RungeKuttaMethod<Euler> && RungeKuttaMethod<Heun>);
static_assert(RungeKuttaMethod<RungeKutta4> && RungeKuttaMethod<DormandPrince54>);
using Field = ProbabilityFlowField<VpSde, Gaussian<VpSde>>;
static_assert(PerSampleLinearField<Field, HostState<double>>);
template <class I>
constexpr bool integrates = OdeIntegrator<I, Field, HostState<double>>;
static_assert(integrates<ExplicitRungeKutta<Heun>> && integrates<ExplicitRungeKutta<RungeKutta4>>);
static_assert(integrates<AdaptiveRungeKutta<DormandPrince54>>);

// Samplers are const, stateless and shareable.
static_assert(std::copyable<PredictorCorrector<VpSde, Ancestral, NoCorrector>>);
static_assert(std::copyable<ProbabilityFlow<VpSde, AdaptiveRungeKutta<>>>);
static_assert(std::copyable<Simulation<Decay, StochasticHeun>>);
template <class S, class M>
constexpr bool samples = Sampler<S, M, HostState<double>, Noise>;
static_assert(samples<PredictorCorrector<VpSde, Ancestral, NoCorrector>, Gaussian<VpSde>>);
static_assert(samples<ReverseSimulation<AsGeneralSde<VpSde>, EulerMaruyama>, Gaussian<VpSde>>);
static_assert(Constraint<NoConstraint, Gaussian<VpSde>, HostState<float>>);
static_assert(!Constraint<VpSde, Gaussian<VpSde>, HostState<float>>);

// Operators and constraints of inverse problems.
template <class X>
constexpr bool edits() {
  static_assert(SpectralOperator<Mask, X> && SpectralOperator<Gray, X>);
  static_assert(SpectralOperator<BlockMean, X> && SpectralOperator<Blur, X>);
  static_assert(SpectralOperator<DenseOperator, X> && SpectralOperator<RandomProjection, X>);
  static_assert(!LinearOperator<VpSde, X>);
  static_assert(Constraint<Inpainting<VpSde, X>, Gaussian<VpSde>, X>);
  static_assert(Constraint<KnownMeasurement<VpSde, Blur, X>, Gaussian<VpSde>, X, X>);
  static_assert(Constraint<Dps<VpSde, Mask, X>, GaussianMixture<VpSde>, X>);
  static_assert(Constraint<Mcg<VpSde, Mask, X>, Gaussian<VpSde>, X>);
  static_assert(Constraint<AdaptivePiGdm<VpSde, Mask, X>, Gaussian<VpSde>, X>);
  static_assert(!Constraint<Dps<VpSde, Mask, X>, ClippedDenoiser<Gaussian<VpSde>, VpSde>, X>);
  return true;
}
static_assert(edits<HostState<float>>() && edits<HostState<double>>());

static_assert(samples<GeneralProbabilityFlow<AsGeneralSde<VpSde>, Heun>, Gaussian<VpSde>>);

// Optimizers and communicators.
static_assert(Optimizer<Adam> && Optimizer<RAdam> && Optimizer<Sgd>);
static_assert(Optimizer<Adam, double> && Optimizer<RAdam, double> && Optimizer<Sgd, double>);
static_assert(!Optimizer<ExponentialMovingAverage> && !Optimizer<VpSde>);
static_assert(Communicator<NoCommunicator> && Communicator<NoCommunicator, double>);
static_assert(!Communicator<Noise>);
#if defined(WITH_MPI)
static_assert(Communicator<mpi::Communicator> && Communicator<mpi::Communicator, double>);
static_assert(sums_in_tree<mpi::Communicator>);
#endif

// Networks' conventions and losses.
static_assert(nn::LevelConvention<nn::PredictionAtLevel> && nn::LevelConvention<nn::ScoreAtLevel>);
static_assert(!nn::LevelConvention<nn::PredictionAtTime>);
static_assert(WeightedResidualLoss<DenoisingScoreMatching, VpSde>);
static_assert(WeightedResidualLoss<EdmLoss, EdmSde>);
static_assert(WeightedResidualLoss<DiscreteScoreMatching, DdpmSde>);
static_assert(HostImages<std::vector<float>, float> && !HostImages<std::vector<float>, double>);
static_assert(PublishedEnum<SdeKind> && !PublishedEnum<Purpose>);

/// Objectives over a backend's operations.
template <class Ops>
constexpr bool trains() {
  static_assert(Objective<ScoreMatching<VpSde>, Ops> && ResidualObjective<ScoreMatching<VpSde>>);
  static_assert(Objective<ScoreMatching<EdmSde, EdmLoss>, Ops>);
  static_assert(Objective<ScoreMatching<DdpmSde, DiscreteScoreMatching>, Ops>);
  static_assert(!Objective<DenoisingScoreMatching, Ops> && !ResidualObjective<VpSde>);
  return true;
}

#if defined(WITH_EIGEN)
static_assert(serves<Eigen::ArrayXXf>() && serves<Eigen::ArrayXXd>());
static_assert(nn::NetworkOps<eigen::Ops<float>> && nn::NetworkOps<eigen::Ops<double>>);
static_assert(nn::InferenceOps<eigen::Ops<float>> && nn::InferenceOps<eigen::Ops<double>>);
static_assert(nn::ModelOps<eigen::Ops<float>> && nn::ModelOps<eigen::Ops<double>>);
static_assert(!nn::CapturableOps<eigen::Ops<float>>);
static_assert(nn::NetworkState<HostState<double>, eigen::Ops<float>>);
static_assert(trains<eigen::Ops<float>>() && trains<eigen::Ops<double>>());
using Network = nn::ScoreNetwork<eigen::Ops<float>, VpSde>;
static_assert(ScoreModel<Network, HostState<float>>);
static_assert(PerSampleScoreModel<Network, HostState<float>>);
static_assert(TrainableScoreModel<Network, HostState<float>>);
using OfClass = nn::ClassConditional<Network>;
using OfGuided = nn::ClassConditional<nn::GuidedNetwork<Network>>;
static_assert(PerSampleScoreModel<OfGuided, HostState<float>>);
static_assert(DifferentiableScoreModel<OfGuided, HostState<double>>);
static_assert(PerSampleScoreModel<GuidedScore<OfClass, OfClass>, HostState<float>>);
static_assert(DifferentiableScoreModel<GuidedScore<OfClass, OfClass>, HostState<float>>);
static_assert(TrainingLoss<DenoisingScoreMatching, VpSde, Network, HostState<float>>);
static_assert(TrainingLoss<EdmLoss, VpSde, Network, HostState<float>>);
static_assert(TrainingLoss<DiscreteScoreMatching, DdpmSde, Network, HostState<float>>);
static_assert(!TrainingLoss<DiscreteScoreMatching, VpSde, Network, HostState<float>>);
#endif
#if defined(WITH_XTENSOR)
static_assert(serves<xt::xarray<float>>() && serves<xt::xarray<double>>());
#endif
#if defined(WITH_CUDA)
using OnDevice = cuda::DeviceState<float>;
using DeviceModel = FunctionModel<void (*)(const OnDevice&, double, OnDevice&), ScoreOutput>;
static_assert(State<OnDevice> && State<cuda::DeviceState<double>>);
static_assert(ScoreModel<DeviceModel, OnDevice> && !ScoreModel<Gaussian<VpSde>, OnDevice>);
static_assert(!ElementwiseState<OnDevice> && !ContiguousState<OnDevice>);
static_assert(nn::CapturableOps<cuda::Ops<>> && nn::CapturableOps<cuda::Ops<float>>);
static_assert(nn::NetworkState<OnDevice, cuda::Ops<>>);
static_assert(trains<cuda::Ops<>>() && trains<cuda::Ops<float>>());
using DeviceNetwork = nn::ScoreNetwork<cuda::Ops<>, VpSde>;
static_assert(cuda::GraphCapturableScoreModel<DeviceNetwork, OnDevice>);
static_assert(!cuda::GraphCapturableScoreModel<DeviceModel, OnDevice>);
static_assert(TimedNoiseSource<BrownianPath<OnDevice, TimeClock>, OnDevice>);
static_assert(CorrectsInBackend<OnDevice, NoiseDraw, LangevinRule>);
static_assert(MaskedState<OnDevice> && MaskedState<HostState<float>>);
static_assert(Constraint<Inpainting<VpSde, OnDevice>, DeviceModel, OnDevice>);
static_assert(
    Sampler<PredictorCorrector<VpSde, Ancestral, Langevin>, DeviceModel, OnDevice, Noise>);
#endif

}  // namespace

int main() { return 0; }
