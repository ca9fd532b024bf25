// An application in ten lines: asks the server in argv[1] for contexts.
#include <attention/attention_client.h>

#include <iostream>

int main(int /*argc*/, char** argv) {
  auto client = attention::Client::Connect(argv[1]);
  if (!client.ok()) return 2;
  const std::vector<float> embeddings(2 * 384, 0.5F);
  auto result = client->Attend(
      {.model = "minilm/0",
       .queries = attention::Tensor::View({1, 2, 384}, embeddings)});
  if (!result.ok()) return std::cout << result.status() << "\n", 1;
  std::cout << result->contexts.f32().size() << " contexts\n";
}
