"""What data would teach a model: the gradients that its examples make."""

from theodolite.valuation.measuring import gradients as gradients
from theodolite.valuation.sample import GradientSample as GradientSample
from theodolite.valuation.sample import Tally as Tally
from theodolite.valuation.settings import GradientSettings as GradientSettings
from theodolite.valuation.targets import GradientTargets as GradientTargets
